export { account as own } from "./en.account";
