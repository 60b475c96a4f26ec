export { people as own } from "./en.people";
