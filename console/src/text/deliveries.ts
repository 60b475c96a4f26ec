export { deliveries as own } from "./en.deliveries";
