// The texts of the pages of deliveries and handlers.
import { count, many } from "./en";
import { say } from "./say";

const handlerDisabled = (why: string) =>
  say`The handler is not called: ${why}. What comes is a dead letter at once. Test the handler, save it again, and replay them.`;

export const deliveries = {
  title: "Deliveries",
  leads: {
    bots: "What was sent to the handler, and what it answered.",
    extensions: "What was sent to the handler, and what it answered.",
    outlets: "Each message that was pushed, and what was answered.",
  },
  outlet: (channel: string, name: string) =>
    name ? say`${name}, outlet of ${channel}:` : say`Outlet of ${channel}:`,
  app: "App",
  allLead:
    "What was sent to the handlers of your bots and extensions and by the outlets of your channels, and what came of it.",
  incomplete: "Not every worker has answered: some are missing here. Look again.",
  none: {
    bots: "Nothing has been delivered yet. An event that comes shows up here once the handler is called.",
    extensions:
      "Nothing has been delivered yet. An event that comes shows up here once the handler is called.",
    outlets:
      "Nothing has been pushed yet. The next message of the channel shows up here, and so does a test.",
  },
  nothing: "No delivery is so.",
  list: "Deliveries, the newest first",
  number: (n: number) => `Delivery ${count.format(n)}`,
  state: { pending: "Waiting", delivered: "Delivered", dead: "Dead letter" },
  disabled: {
    bots: (why: string) => handlerDisabled(why),
    extensions: (why: string) => handlerDisabled(why),
    outlets: (why: string) => say`Nothing is pushed: ${why}. Edit the outlet, then it is tried again.`,
  },
  waits: (why: string) => say`The next call waits: ${why}.`,
  turn: (n: number) => `Delivery ${count.format(n)} has the turn: the ones behind it wait for its end.`,
  due: (seconds: number) =>
    seconds === 0
      ? "next try now"
      : seconds < 120
        ? `next try in ${many(seconds, "second", "seconds")}`
        : `next try in ${many(Math.round(seconds / 60), "minute", "minutes")}`,
  scanned: (n: number) => `Looked at ${many(n, "delivery", "deliveries")}.`,
  further: "Look further",
  refresh: "Look again",
  filter: {
    label: "What is shown",
    target: "Of",
    state: "State",
    outcome: "Outcome",
    status: "Status",
    q: "Text",
    qHint: "in the event or an answer",
    from: "From",
    to: "To",
    any: "Any",
    apply: "Show",
    dead: "Dead letters",
    outlet: (channel: string, name: string) => say`${name}, outlet of ${channel}`,
    remove: (chip: string) => say`Take out: ${chip}`,
    chip: {
      target: "Of",
      state: "State",
      outcome: "Outcome",
      status: "Status",
      q: "Text",
      from: "From",
      to: "To",
    },
    chips: "Filters in force",
  },
  outcome: {
    answered: "Answered",
    resolve: "The name of its host was not found",
    forbidden_address: "Refused: an address that may not be called (delivery.allow)",
    connect: "No connection",
    tls: "TLS failed",
    timeout: "No answer in time",
    closed: "The connection was closed before the answer",
    too_large: "The answer is too large",
    protocol: "The answer is no HTTP",
    url: "The URL cannot be called",
    no_call: "Not called",
    passed_over: "Passed over",
    disabled: "Not called: the handler was disabled",
    archived: "Not called: it was archived",
    no_handler: "Not called: there was no handler",
    no_record: "Not called: its event is gone",
    starved: "Not called: too many calls are under way",
    no_place: "Not called: too many tests are under way",
  } as Record<string, string>,
  answered: (status: number) => `Answered ${status}`,
  refusedAddress: (address: string) => say`Refused: ${address} may not be called (delivery.allow)`,
  ms: (n: number) => `${count.format(n)} ms`,
  detail: {
    close: "Close the delivery",
    retry: "Try again now",
    retried: "It is tried again.",
    retryFailed: "It was not tried again.",
    made: (n: number) => many(n, "attempt", "attempts"),
    attempts: "Attempts",
    attempt: (n: number) => `Attempt ${count.format(n)}`,
    none: "No attempt yet.",
    sent: "What was sent",
    received: "What came back",
    noAnswer: "No body came.",
    answer: "Answer",
    address: "Address",
    cut: "There were more headers.",
    hidden: "not kept",
    noCall: "Nothing was sent.",
    event: "The event",
    noEvent: "Its event is not kept any more.",
    copyAnswer: "Copy the answer",
    name: "Name",
    value: "Value",
  },
  replay: {
    open: "Replay dead letters…",
    title: "Replay dead letters",
    lead: "Each is delivered again, the oldest first. What was not replayed stays a dead letter.",
    all: "All dead letters",
    count: "Count them",
    match: (n: number, counted: boolean) =>
      `${counted ? "" : "More than "}${many(n, "dead letter matches", "dead letters match")}.`,
    rate: "A second",
    rateHint: "1 to 1,000",
    start: (n: number) => `Replay ${count.format(n)}`,
    busy: "Starting…",
    running: (done: number, total: number, rate: number) =>
      `Replaying: ${count.format(done)} of ${count.format(total)}, ${count.format(rate)} a second.`,
    ended: (done: number, total: number) => `Replayed ${count.format(done)} of ${count.format(total)}.`,
    failed: (n: number) => `${many(n, "is a dead letter", "are dead letters")} again.`,
    progress: "Progress of the replay",
    stop: "Stop it",
    by: (name: string) => say`by ${name}`,
    conflict: "Nothing would be called: there is no handler, or it is disabled.",
  },
};
