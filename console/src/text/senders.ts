export { senders as own } from "./en.senders";
