// The texts of the page of senders, and of the playground of formats.
import { many } from "./en";
import { say } from "./say";

export const senders = {
  title: "Senders",
  lead: "Programs that send by themselves. Choose one: what it sends here becomes a message that people can read.",
  find: "Find a sender",
  none: "There is no sender of that name. Most work with “Anything else”.",
  all: "All senders",
  installed: "of this installation",
  how: "How it is set up",
  noInstructions:
    "This format was made for your installation: who made it knows where its sender takes the address.",
  address: "The complete address",
  app: "App",
  token: "Webhook token",
  tokenHint:
    "Paste one of yours, or make one that may post here and do nothing else. It leaves this page only in what you copy.",
  make: "Make a token for it",
  making: "Making it…",
  made: "This token is shown this once: copy the address now.",
  needsToken: "TOKEN stands where the token goes.",
  copy: "Copy the address",
  waiting: "Waiting for what it sends…",
  arrived: "It has arrived:",
  play: {
    title: "Try its format",
    lead: "What becomes of an event. Nothing is stored and nobody sees it, unless it is sent.",
    notYours: "It is tried, and not in use: owners and admins of Postern choose what is. Show it to one.",
    event: "Event",
    example: "An example",
    caught: (method: string) => say`That came by ${method}`,
    headers: "Headers, one a line",
    query: "What stood behind the ?",
    body: "Body",
    send: "Send this event to the channel",
    sent: "It is in the channel: everybody there sees it.",
    unsigned: "A source of the channel takes only what its sender has signed.",
    change: "Change the template",
    template: "Template",
    tooLong:
      "This template is too long to be changed here: write it in a folder, and try it by posternctl format try.",
    shows: "What is shown",
    outcome: {
      message: "Becomes a message",
      summary: "No rule is for it: a summary is shown",
      failed: "The format failed: the event is kept, and a summary is shown",
      dropped: "Is left out, as the format says",
      filtered: "Is filtered",
      no_json: "The body cannot be read",
    },
    says: (event: string, rule: number | null, steps: number) =>
      say`${event ? say`Event ${event}. ` : ""}${rule === null ? "" : say`Rule ${rule + 1}. `}${many(steps, "step", "steps")}.`,
    keep: "Use this template from now on",
    keepLead: "Every channel's events of this sender are read by it, here and at once.",
    kept: "It is in use.",
  },
};
