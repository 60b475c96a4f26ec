// The texts of an event that is looked at as the request that it was.
import { many } from "./en";
import { say } from "./say";

export const request = {
  method: "Method",
  address: "Address",
  size: "Size",
  bytes: (n: number) => many(n, "byte", "bytes"),
  type: "Content type",
  none: "none",
  name: "Name",
  value: "Value",
  headers: "Headers",
  parameters: "Parameters",
  body: "Body",
  views: { pretty: "Pretty", raw: "Raw", hex: "Hex" },
  first: (n: number) => `The first ${many(n, "byte is", "bytes are")} shown.`,
  more: (n: number) => `Show ${many(n, "further one", "further ones")}`,
  again: "Send it once more",
  copy: (what: string) => say`Copy: ${what}`,
  copyAs: (form: string) => say`Copy as ${form}`,
  credentials:
    "No credential is kept of it: write your token in place of TOKEN, and the app's key in place of APPKEY.",
};
