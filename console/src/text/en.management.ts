// The texts of the page of management tokens.
import { count } from "./en";
import { say } from "./say";

const DAY = 86_400;

export const management = {
  title: "Management tokens",
  lead: "A program manages with one what you may manage here: channels, bots, tokens. It sends no messages; webhook tokens do.",
  none: "There is none: nothing but you manages in your name.",
  ofTitle: (name: string) => say`Management tokens of ${name}`,
  ofLead: "What programs manage with in their name. Whoever is deactivated manages by none of them.",
  ofNone: "There is none.",
  used: (n: number, limit: number) => `${count.format(n)} of ${count.format(limit)} in use`,
  full: (limit: number) => `There may be ${count.format(limit)} at most. Delete one that is not used.`,
  create: "Create management token",
  createLead: "It may do what your role may do, and changes with it.",
  name: "Name",
  unnamed: "Without a name",
  ends: "Ends",
  end: [
    ["In 30 days", 30 * DAY],
    ["In 90 days", 90 * DAY],
    ["In a year", 365 * DAY],
    ["Never", 0],
  ] as [string, number][],
  submit: "Create it",
  busy: "Creating…",
  token: "Management token",
  made: "made",
  until: "ends",
  ended: "has ended",
  never: "never ends",
  remove: "Delete",
  removeNamed: (name: string) => say`Delete ${name}`,
  removeTitle: (name: string) => say`Delete ${name}?`,
  removeLead: "The program that has it is refused from now on.",
  removed: (name: string) => say`${name} is deleted.`,
};
