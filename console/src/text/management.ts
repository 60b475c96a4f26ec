export { management as own } from "./en.management";
