// What there is of the people, by its part of the address.
import type { Load } from "../routes";

export const VIEWS: Record<string, Load> = {
  "": () => import("./UsersView.svelte"),
  services: () => import("./UsersView.svelte"),
  invitations: () => import("./InvitationsView.svelte"),
  tokens: () => import("./AllTokensView.svelte"),
};
