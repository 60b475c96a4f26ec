export { handlers as own } from "./en.handlers";
