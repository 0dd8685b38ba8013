/** What the HTTP API answers, as far as the page reads it: see /openapi.json. */
export type State =
  | 'queued' | 'in_flight' | 'delayed' | 'in_doubt'
  | 'accepted' | 'forwarded' | 'delivered_to_operator' | 'delivered' | 'read'
  | 'undelivered' | 'rejected' | 'failed' | 'unconfirmed' | 'skipped' | 'cancelled';
export type Status =
  | 'draft' | 'loading' | 'scheduled' | 'sending' | 'paused' | 'halted' | 'stopped' | 'cancelling' | 'cancelled' | 'finished';
export interface Stop { what: 'all' | 'marketing'; sub_account: string | null; reason: string; since: string | null }
export interface Breaker {
  sub_account: string; scope: string; reason: string; by: string;
  opened_at: string | null; probe_at: string | null; failures: number;
}
export interface Lane {
  id: string; name: string; kind: string; sub_account: string; priority: string; purpose: string | null;
  status: Status; reason: string; loaded: boolean; recipients: number; duplicates: number;
  invalid_rows: number; done: number; open: number; counts: Partial<Record<State, number>>;
  may_have_two: number; may_have_arrived: number; requests: number; mean_batch: number;
  retried: number; balanced: boolean; replied: number; opted_out: number; funnel: Record<string, { messages: number; share: number }>;
  opened_at: string | null; started_at: string | null; finished_at: string | null;
}
export interface Campaign extends Lane {
  rate: number; spread: boolean; weight: number; progress: number; messages_per_second: number | null; seconds_left: number | null; held: string | null; why: string[];
  file?: { bytes: number; rows: number; resumable: boolean };
  breakers?: Breaker[];
  waits?: {
    hours: { first: string; last: string } | null;
    sending_loops: number; blocked_until: string | null; next_retry: string | null;
    next_decision: string | null; stopped: Stop | null;
  };
}
export interface Page<T> { items: T[]; next: string | null }
export interface Session {
  name: string; scopes: string[]; sub_accounts: string[]; ends_at: string; version: string; utc_offset: number; launch_delay: number; by_proxy: boolean;
}
export interface Row {
  id: string; index: number; number: string; state: State | 'missing'; attempts: number;
  code: number | null; origin: string; meaning: string; umid: string;
  posted_at: string; changed_at: string; purpose: string; pricing: string; doubt: string;
}
export interface Message extends Omit<Row, 'index'> {
  lane: string; campaign: string | null; sub_account: string; attempt_log: string[];
  waits_until: string | null; why: string[];
}
export interface Failure { state: State; origin: string; code: number | null; messages: number; meaning: string; remedy: string; what_to_do: string }
export interface History {
  step_seconds: number; messages_per_second: number; sampled: number;
  steps: { at: string; posted: number; reached: Partial<Record<State, number>> }[];
}
export interface PlaceHours {
  place: string; hours: string; origin: 'shipped' | 'settings' | 'changed'; checked: string | null; source: string | null;
}
export interface Limits {
  sub_account: string; messages_per_second: number; requests_per_second: number; burst: number;
  urgent_reserve: number; max_in_air: number; free: number | null; blocked_until: string | null;
  breakers: Breaker[]; stops: Stop[];
}
