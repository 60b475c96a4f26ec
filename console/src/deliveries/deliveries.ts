// What the pages of deliveries ask for: those of a bot, of one app of an extension, or of an outlet.
import { api, bodyOf } from "../api/client";
import type { components } from "../api/schema";
import type { Page } from "../parts/paged.svelte";
import type { Environment, Spot } from "../places/places";
import { router } from "../router.svelte";
import { session } from "../session/session.svelte";
import { own } from "../text/deliveries";

type Schemas = components["schemas"];
export type Delivery = Schemas["Delivery"];
export type Attempt = Schemas["AttemptShown"];
export type Shown = Schemas["DeliveryShown"];
export type Event = Schemas["Event"];
export type Standing = Schemas["ReplayStanding"];
export type Outcome = Schemas["Outcome"];

export interface Where {
  kind: "bots" | "extensions" | "outlets";
  id: string;
  environment?: Environment;
}

/** The bot, the app of the extension, or the outlet of the channel, that the address names. */
export function whereOf({ kind, id }: Spot): Where {
  if (kind === "channels") return { kind: "outlets", id: router.query.get("outlet") ?? "" };
  if (kind !== "extensions") return { kind: "bots", id };
  const environment = router.query.get("environment") === "marketplace" ? "marketplace" : "sandbox";
  return { kind, id, environment };
}

export const PAGE = 50;
export const FILTERS = ["state", "outcome", "status", "q", "from", "to"] as const;
export type Filter = Partial<Record<"target" | (typeof FILTERS)[number], string>>;

/** Those of all deliveries: also of which target they are. */
export const ALL_FILTERS = ["target", ...FILTERS] as const;
export type Filters = readonly (typeof ALL_FILTERS)[number][];

export function filterOf(query: URLSearchParams, names: Filters = FILTERS): Filter {
  const found: Filter = {};
  for (const name of names) {
    const value = query.get(name);
    if (value) found[name] = value;
  }
  return found;
}

/** The head of a list: why the handler is not called, and what the next call waits for. */
export interface Head {
  disabled: string | null;
  waits: string | null;
  turn: number | null;
  scanned: number;
}

/** What is below is of a bot; an outlet has it in the same way. */
const BELOW = {
  list: "/bots/{target}/deliveries",
  one: "/bots/{target}/deliveries/{number}",
  retry: "/bots/{target}/deliveries/retry",
  replay: "/bots/{target}/deliveries/replay",
} as const;

function below<K extends keyof typeof BELOW>(kind: Where["kind"], what: K): (typeof BELOW)[K] {
  return (kind === "outlets" ? BELOW[what].replace("/bots", "/outlets") : BELOW[what]) as (typeof BELOW)[K];
}

type Query = NonNullable<
  import("../api/schema").paths["/bots/{target}/deliveries"]["get"]["parameters"]["query"]
>;

const queryOf = ({ status, ...rest }: Filter) => ({
  ...rest,
  ...(status && { status: Number(status) }),
  ...(!rest.q && { bodies: false }), // what is looked for stands in them
  limit: PAGE,
});

export type OfTarget = Schemas["DeliveryOfTarget"];
export type Gathered = Pick<Schemas["AllDeliveries"], "scanned" | "incomplete">;

export async function listAll(
  filter: Filter,
  after: string | undefined,
  head: (head: Gathered) => void,
): Promise<Page<OfTarget>> {
  const query = { ...queryOf(filter), ...(after && { after }) } as NonNullable<
    import("../api/schema").paths["/deliveries"]["get"]["parameters"]["query"]
  >;
  const got = await bodyOf(api.GET("/deliveries", { params: { query } }));
  head(got);
  return { rows: got.deliveries, next: got.next };
}

export async function listDeliveries(
  where: Where,
  filter: Filter,
  after: string | undefined,
  head: (head: Head) => void,
): Promise<Page<Delivery>> {
  const query = { ...queryOf(filter), ...(after && { after: Number(after) }) } as Query;
  const path = { target: where.id };
  const { kind, environment } = where;
  const got = environment
    ? await bodyOf(
        api.GET("/extensions/{target}/deliveries", { params: { path, query: { ...query, environment } } }),
      )
    : await bodyOf(api.GET(below(kind, "list"), { params: { path, query } }));
  head(got);
  return { rows: got.deliveries, next: got.next === null ? null : String(got.next) };
}

export function showDelivery({ kind, id, environment }: Where, number: number): Promise<Shown> {
  const path = { target: id, number };
  return environment
    ? bodyOf(
        api.GET("/extensions/{target}/deliveries/{number}", { params: { path, query: { environment } } }),
      )
    : bodyOf(api.GET(below(kind, "one"), { params: { path } }));
}

export async function retry({ kind, id, environment }: Where, number: number): Promise<void> {
  const path = { target: id };
  const query = { id: String(number) };
  if (environment)
    await bodyOf(
      api.POST("/extensions/{target}/deliveries/retry", {
        params: { path, query: { ...query, environment } },
      }),
    );
  else await bodyOf(api.POST(below(kind, "retry"), { params: { path, query } }));
}

interface Replay {
  from?: string;
  to?: string;
  rate?: number;
  dry_run: boolean;
}

export function replay({ kind, id, environment }: Where, of: Replay): Promise<Schemas["Replaying"]> {
  const path = { target: id };
  return environment
    ? bodyOf(
        api.POST("/extensions/{target}/deliveries/replay", {
          params: { path, query: { ...of, environment } },
        }),
      )
    : bodyOf(api.POST(below(kind, "replay"), { params: { path, query: of } }));
}

export function standing({ kind, id, environment }: Where): Promise<Standing> {
  const path = { target: id };
  return environment
    ? bodyOf(api.GET("/extensions/{target}/deliveries/replay", { params: { path, query: { environment } } }))
    : bodyOf(api.GET(below(kind, "replay"), { params: { path } }));
}

export function stopReplay({ kind, id, environment }: Where): Promise<Standing> {
  const path = { target: id };
  return environment
    ? bodyOf(
        api.DELETE("/extensions/{target}/deliveries/replay", { params: { path, query: { environment } } }),
      )
    : bodyOf(api.DELETE(below(kind, "replay"), { params: { path } }));
}

/** How an attempt ended, in words; ADDRESS: what was not to be called. */
export function outcomeOf(
  one: { outcome: string; status: number | null } | undefined,
  address?: string | null,
): string {
  if (!one) return "";
  if (one.outcome === "answered" && one.status) return own.answered(one.status);
  if (one.outcome === "forbidden_address" && address) return own.refusedAddress(address);
  return own.outcome[one.outcome] ?? one.outcome;
}

/** What is written in a field of datetime-local, in this place's time, as Postern takes it; and back. */
export const toTime = (local: string): string =>
  local ? new Date(local).toISOString().replace(/\.\d+Z$/, "Z") : "";
export function toLocal(time: string): string {
  const at = new Date(time);
  if (!time || Number.isNaN(at.getTime())) return "";
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** Of one's own channels the first so many are asked for their outlets. */
const CHANNELS = 50;

/** One's own outlets, as deliveries are found by them. */
export async function listOutlets(): Promise<{ value: string; name: string }[]> {
  const query = { owner: session.user?.id ?? "", sort: "name" as const, limit: CHANNELS };
  const { channels } = await bodyOf(api.GET("/channels", { params: { query } }));
  const lists = await Promise.all(
    channels.map(({ id }) =>
      bodyOf(
        api.GET("/channels/{target}/outlets", { params: { path: { target: id }, query: { limit: 100 } } }),
      ),
    ),
  );
  return lists.flatMap(({ outlets }) =>
    outlets.map((one) => ({
      value: `outlet:${one.id}`,
      name: own.filter.outlet(one.channel_name, one.name || one.kind),
    })),
  );
}
