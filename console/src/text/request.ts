export { request as own } from "./en.request";
