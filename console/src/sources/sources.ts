// What the page of sources asks for.
import { api, bodyOf } from "../api/client";
import type { components } from "../api/schema";
import type { Environment, Spot } from "../places/places";
import type { Scheme } from "./scheme";

type Schemas = components["schemas"];
export type Source = Schemas["Source"];
export type Activity = Schemas["SourceActivity"];
export type Heard = Activity["sources"][number];

export interface Owner {
  kind: Spot["kind"];
  id: string;
  environment?: Environment;
}
const KIND = { channels: "channel", bots: "bot", extensions: "extension" } as const;

/** Those of the channel, the bot or the extension of this NAME. */
export async function listSources(kind: Spot["kind"], name: string): Promise<Source[]> {
  const all: Source[] = [];
  let after: string | null = null;
  do {
    const query: { limit: number; after?: string } = { limit: 1000, ...(after && { after }) };
    const page: { sources: Source[]; next: string | null } = await bodyOf(
      api.GET("/sources", { params: { query } }),
    );
    all.push(...page.sources);
    after = page.next;
  } while (after);
  return all.filter((one) => one.kind === KIND[kind] && one.to === name);
}

export function activityOf({ kind, id, environment }: Owner): Promise<Activity> {
  const path = { target: id };
  if (kind === "channels") return bodyOf(api.GET("/channels/{target}/sources", { params: { path } }));
  if (kind === "bots") return bodyOf(api.GET("/bots/{target}/sources", { params: { path } }));
  const query = { environment: environment ?? ("sandbox" as const) };
  return bodyOf(api.GET("/extensions/{target}/sources", { params: { path, query } }));
}

/** What is typed of a source; lists with commas between. */
export interface Settings {
  name: string;
  required: boolean;
  only: string;
  except: string;
  branch: string;
  format: string;
  on_unknown: Source["on_unknown"];
  keep_raw: boolean;
  for_token: string;
  verify_token: string;
  /** The verify token that there is is forgotten. */
  forget: boolean;
}

export const NEW: Settings = {
  name: "",
  required: true,
  only: "",
  except: "",
  branch: "",
  format: "",
  on_unknown: "summary",
  keep_raw: false,
  for_token: "",
  verify_token: "",
  forget: false,
};

export const settingsOf = (of: Source): Settings => ({
  ...NEW,
  name: of.name,
  required: of.required,
  only: of.only.join(", "),
  except: of.except.join(", "),
  branch: of.branch.join(", "),
  format: of.format ?? "",
  on_unknown: of.on_unknown,
  keep_raw: of.keep_raw,
  for_token: of.for_token ?? "",
});

const listOf = (text: string): string[] =>
  text
    .split(",")
    .map((one) => one.trim())
    .filter(Boolean);

/** As the API takes them. A verify token that is not typed stays as it is. */
export function bodyOfSettings(of: Settings, signs: boolean, ofChannel: boolean) {
  const verify = of.forget ? "" : of.verify_token.trim();
  return {
    ...(of.name.trim() && { name: of.name.trim() }),
    required: signs && of.required,
    only: listOf(of.only),
    except: listOf(of.except),
    branch: listOf(of.branch),
    format: of.format.trim(),
    on_unknown: of.on_unknown,
    ...(ofChannel && { keep_raw: of.keep_raw }),
    for_token: of.for_token,
    ...((verify || of.forget) && { verify_token: verify }),
  };
}

/** As a text: what is left empty is as it usually is. */
export const textOfScheme = (of: Scheme): string =>
  JSON.stringify(
    Object.fromEntries(
      Object.entries(of).filter(
        ([name, value]) => value && (of.alg !== "equal" || ["alg", "header"].includes(name)),
      ),
    ),
  );

export interface Wanted extends ReturnType<typeof bodyOfSettings> {
  scheme?: string;
  secret?: string;
}

export function createSource({ kind, id, environment }: Owner, of: Wanted, key: string): Promise<Source> {
  const body = { ...of, kind: KIND[kind], to: id, ...(environment && { environment }) };
  return bodyOf(api.POST("/sources", { params: { header: { "Idempotency-Key": key } }, body }));
}

/** Changes SOURCE as it is; another's change is refused, as precondition_failed. */
export function editSource(
  { id, etag }: Source,
  body: ReturnType<typeof bodyOfSettings>,
  key: string,
): Promise<Source> {
  const header = { "Idempotency-Key": key, ...(etag && { "If-Match": `"${etag}"` }) };
  return bodyOf(api.PUT("/sources/{target}", { params: { path: { target: id }, header }, body }));
}

/** The names of the installation's own formats. */
export async function listFormats(): Promise<string[]> {
  const { formats } = await bodyOf(api.GET("/formats", { params: { query: { limit: 100 } } }));
  return formats.map(({ name }) => name).sort();
}

export function rotateSource(id: string, secret: string, overlap: number, key: string): Promise<Source> {
  const params = { path: { target: id }, header: { "Idempotency-Key": key } };
  const body = { overlap, ...(secret && { secret }) };
  return bodyOf(api.POST("/sources/{target}/secrets", { params, body }));
}

export async function deleteSource(id: string): Promise<void> {
  await bodyOf(api.DELETE("/sources/{target}", { params: { path: { target: id } } }));
}
