export { outlets as own } from "./en.outlets";
