// What the page of the ring's health asks for.
import { api, bodyOf } from "../api/client";
import type { components } from "../api/schema";

export type Process = components["schemas"]["HealthProcess"];
export type Edge = components["schemas"]["HealthEdge"];
export type Series = components["schemas"]["HealthSeries"];
export type Step = components["schemas"]["HealthStep"];
export type State = Process["state"];

export const healthOf = () => bodyOf(api.GET("/health"));
export const seriesOf = () => bodyOf(api.GET("/health/series", { params: { query: { minutes: 60 } } }));

/** The kinds in the order in which a request passes them; workers stand beside each other. */
export const STAGES: Process["kind"][][] = [
  ["gateway"],
  ["authd"],
  ["router"],
  ["channel", "bot", "extension"],
];

/** How bad a state is: its colour, which never stands alone. */
export const badness = (state: State): "ok" | "warn" | "bad" | "unknown" =>
  state === "ready" ? "ok" : state === "degraded" ? "warn" : state === "unreachable" ? "unknown" : "bad";

const MINUTE = 6; // steps

/** The steps of each minute as one: the mean of rates, the worst of the others. */
export function minutes(steps: Step[]): Step[] {
  const some: Step[] = [];
  for (let end = steps.length; end > 0; end -= MINUTE) {
    const part = steps.slice(Math.max(0, end - MINUTE), end);
    const last = part.at(-1);
    if (last) some.push({ ...last, ...merged(part) });
  }
  return some;
}

function merged(part: Step[]): Pick<Step, "rate" | "errors" | "p50_ms" | "p99_ms" | "queue"> {
  const mean = (of: (step: Step) => number) => part.reduce((sum, step) => sum + of(step), 0) / part.length;
  const worst = (of: (step: Step) => number | null) => {
    const known = part.map(of).filter((value) => value !== null);
    return known.length ? Math.max(...known) : null;
  };
  return {
    rate: mean((step) => step.rate),
    errors: mean((step) => step.errors),
    p50_ms: worst((step) => step.p50_ms),
    p99_ms: worst((step) => step.p99_ms),
    queue: worst((step) => step.queue) ?? 0,
  };
}
