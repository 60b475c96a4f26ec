export { places as own } from "./en.places";
