// Every page by its path, and what loads it. Those of one channel, bot or extension stand in places/views.ts, those of the
// people in people/views.ts. None of the three needs anything when it is loaded: the tests walk them as they are.
import type { Component } from "svelte";

export type Load = () => Promise<{ default: Component }>;

export const PAGES: Record<string, Load> = {
  "/tokens": () => import("./tokens/TokensPage.svelte"),
  "/channels": () => import("./places/Channels.svelte"),
  "/bots": () => import("./places/Bots.svelte"),
  "/extensions": () => import("./places/Extensions.svelte"),
  "/health": () => import("./health/HealthPage.svelte"),
  "/deliveries": () => import("./deliveries/AllDeliveriesPage.svelte"),
  "/people": () => import("./people/PeoplePage.svelte"),
  "/audit": () => import("./people/AuditPage.svelte"),
  "/account": () => import("./account/AccountPage.svelte"),
  "/management": () => import("./account/ManagementPage.svelte"),
  "/sessions": () => import("./account/SessionsPage.svelte"),
};
const place: Load = () => import("./places/PlacePage.svelte");

/** What loads the page of the address; that of a channel, a bot or an extension has its id. */
export const pageOf = (path: string): Load | undefined =>
  /^\/(channels|bots|extensions)\/[^/]+(\/[^/]+)?$/.test(path)
    ? place
    : PAGES[path.replace(/^(\/people)\/.*/, "$1")];
