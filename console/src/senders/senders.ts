// The programs that Postern knows by their formats: those that are built in, and those of the installation.
import { api, bodyOf } from "../api/client";
import type { components } from "../api/schema";
import { listMessages, type Message } from "../messages/messages";
import type { Environment, Spot } from "../places/places";
import { session } from "../session/session.svelte";
import builtIn from "./senders.json";

export type Tried = components["schemas"]["Tried"];

export interface Sample {
  headers: string;
  query: string;
  body: string;
}

export interface Sender {
  name: string;
  title: string;
  text: string;
  example: Sample;
  /** The format, where the installation has one of its own. */
  format?: { id: string; text: string };
}

const NONE: Sample = { headers: "Content-Type: application/json", query: "", body: "{}" };

/** All senders by their titles, with what takes whatever there is last. */
export async function listSenders(): Promise<Sender[]> {
  const { formats } = await bodyOf(api.GET("/formats", { params: { query: { limit: 100 } } }));
  const own = new Map(formats.map(({ id, name, format }) => [name, { id, text: format }]));
  const made = formats
    .filter(({ name }) => !builtIn.some((one) => one.name === name))
    .map(({ name, format }) => ({ name, title: titleIn(format) ?? name, text: "", example: NONE }));
  return [...builtIn, ...made]
    .map((sender) => ({ ...sender, format: own.get(sender.name) }))
    .sort(
      (a, b) => Number(a.name === "generic") - Number(b.name === "generic") || a.title.localeCompare(b.title),
    );
}

function titleIn(format: string): string | null {
  const { title } = JSON.parse(format) as { title?: unknown };
  return typeof title === "string" ? title : null;
}

/** The template of SENDER; those that are built in are loaded when somebody wants to see one. */
export async function templateOf({ name, format }: Sender): Promise<string> {
  if (format) return format.text;
  const { default: templates } = await import("./templates.json");
  return (templates as Record<string, string>)[name] ?? "";
}

/** BASE, the incoming endpoint of a target, as SENDER is to be given it. */
export function completeAddress(base: string, sender: string, token: string): string {
  const url = new URL(base);
  url.pathname += `/${sender}`;
  url.searchParams.set("zapikey", token || "TOKEN");
  return url.href;
}

const KINDS = { channels: "channel", bots: "bot", extensions: "extension" };

/** The instructions with the addresses and the name of what is sent to. */
export function instructionsFor(text: string, base: string, token: string, spot: Spot, name: string): string {
  return text
    .replace(
      /https:\/\/HOST\/api\/v2\/channelsbyname\/NAME\/incoming\/([a-z-]+)\?zapikey=TOKEN/g,
      (_, sender: string) => completeAddress(base, sender, token),
    )
    .replaceAll("channel NAME", `${KINDS[spot.kind]} ${name}`)
    .replace(/\n(?!\n)/g, " ");
}

/** A token that may post to SPOT, and nothing else. */
export async function makeToken({ kind, id }: Spot, name: string, key: string): Promise<string> {
  const params = { path: { target: session.user?.id ?? "" }, header: { "Idempotency-Key": key } };
  const body = { name, post_only: true, [kind]: [id] };
  return (await bodyOf(api.POST("/users/{target}/tokens", { params, body }))).token;
}

const LOOK = 100; // so many of the newest messages may have events beside them

export type Caught = Sample & { sequence: number; method: string; time: string };

/** The newest events of SPOT that are kept as they came. */
export async function caughtEvents({ kind, id }: Spot, environment?: Environment): Promise<Caught[]> {
  const target = kind === "extensions" ? { kind, id, environment } : { kind, id };
  const { messages } = await listMessages(target, { order: "desc", limit: LOOK });
  return messages.flatMap((message) => sampleOf(message) ?? []);
}

function sampleOf({ sequence, time, event }: Message): Caught | null {
  if (!event || typeof event.body !== "string") return null;
  const headers = Object.entries(event.headers).map(([name, value]) => `${name}: ${value}`);
  const query = new URLSearchParams(
    Object.entries(event.parameters).flatMap(([name, value]) =>
      (Array.isArray(value) ? value : [value]).map((one) => [name, one]),
    ),
  );
  return {
    sequence,
    time,
    method: event.method,
    headers: headers.join("\n"),
    query: query.toString(),
    body: event.body,
  };
}

/** What a format, by its NAME or its text, makes of an event. Nothing is stored. */
export const tryFormat = (by: { name: string } | { format: string }, { headers, query, body }: Sample) =>
  bodyOf(api.POST("/formats/try", { body: { ...by, headers, query, body } }));

/** Sends the event to the channel, as its sender would; those of its headers that a browser sends. */
export async function sendEvent(
  target: string,
  { headers, query, body }: Sample,
  key: string,
): Promise<void> {
  const given = headers
    .split("\n")
    .map((line) => /^([\w-]+):\s*([\x20-\x7e]*)$/.exec(line.trim()))
    .flatMap((found) => (found ? [[found[1], found[2]] as [string, string]] : []));
  const params = {
    path: { target },
    header: { "Idempotency-Key": key },
    query: Object.fromEntries(new URLSearchParams(query)),
  };
  const sent = { params, headers: Object.fromEntries(given), body, parseAs: "text" as const };
  await bodyOf(api.POST("/channels/{target}/events", { ...sent, bodySerializer: (text) => text as string }));
}

/** Makes TEXT the format of SENDER for the whole installation. */
export async function keepFormat({ format }: Sender, text: string, key: string): Promise<void> {
  const header = { "Idempotency-Key": key };
  const body = { format: text };
  if (format)
    await bodyOf(api.PUT("/formats/{target}", { params: { path: { target: format.id }, header }, body }));
  else await bodyOf(api.POST("/formats", { params: { header }, body }));
}
