export { sources as own } from "./en.sources";
