// Who did what, and when: the trail of operators' actions.
import { may, session } from './api.js';
import { Search } from './campaigns.js';
import { useAnswer } from './data.js';
import { large, moment, when } from './format.js';
import { html, useEffect, useState } from './lib.js';
import { go, route, to } from './router.js';
import { Empty, Failed, Icon, Loading } from './ui.js';

const KINDS = [['', 'All'], ['campaign', 'Campaigns'], ['stop', 'Stops'], ['breaker', 'Breakers'], ['token', 'Tokens'], ['person', 'People']];

/** @type {Record<string, string>} */
const NAMES = { stop: 'Sending stopped', go: 'Sending goes on', suppress: 'Opt-outs' };

/** An action in words: `campaign.launch` is "Campaign: launch". @param {string} act */
export function actOf(act) {
  const [about, verb] = act.replaceAll('_', ' ').split('.');
  return `${NAMES[about] ?? large(about)}${verb ? `: ${verb}` : ''}`;
}

export function Audit() {
  const { query } = route.value;
  const act = query.get('act') ?? '';
  const about = query.get('about') ?? '';
  const [trail, setTrail] = useState(/** @type {string[]} */ ([]));
  useEffect(() => setTrail([]), [act, about]);
  const allowed = may('admin') && !session.value?.sub_accounts.length;
  const words = new URLSearchParams({ limit: '50', ...(act && { act }), ...(about && { about }), ...(trail.length && { cursor: trail.at(-1) }) });
  const answer = useAnswer(allowed ? `/v1/audit?${words}` : null, { every: trail.length ? 0 : 15 });
  if (!allowed) return html`<h1>Audit</h1><${Empty} icon="audit" title="Not with this token"><p>The trail takes a token with the scope <code>admin</code>, for all sub-accounts.</p><//>`;
  /** @type {{ id: string, at: string, who: string, act: string, object: string, address: string }[]} */
  const items = answer.data?.items ?? [];
  return html`
    <header class="head"><div><h1>Audit</h1><p class="muted">Who did what, and when. Kept for a year; addresses for 90 days.</p></div></header>
    <div class="bar">
      <nav class="chips" aria-label="Which actions">${KINDS.map(([name, label]) => html`<a class="chip" key=${name} href=${to(['audit'], { act: name, about })} aria-current=${act === name ? 'true' : null}>${label}</a>`)}</nav>
      <${Search} value=${about} label="About, such as a campaign" set=${(/** @type {string} */ word) => go(to(['audit'], { act, about: word }), { replace: true })} />
    </div>
    ${answer.error && html`<${Failed} error=${answer.error} again=${answer.again} />`}
    ${!answer.data && !answer.error && html`<${Loading} rows=${6} />`}
    ${answer.data && items.length === 0 && html`<${Empty} icon="audit" title="Nothing of this kind"><p>No action that fits is in the trail.</p><//>`}
    ${items.length > 0 && html`<div class="card table-card"><table class="rows"><caption class="sr">Actions, newest first</caption>
      <thead><tr><th>Action</th><th>About</th><th>Who</th><th>From</th><th class="num">When</th></tr></thead>
      <tbody>${items.map((one) => html`<tr key=${one.id}><td title=${one.act}>${actOf(one.act)}</td><td class="wide">${one.object}</td><td class="muted">${one.who}</td><td class="muted off">${one.address}</td>
        <td class="num muted" title=${moment(one.at)}>${when(one.at)}</td></tr>`)}</tbody></table></div>`}
    ${(trail.length > 0 || answer.data?.next) && html`<div class="more">
      <button class="button" disabled=${trail.length === 0} onClick=${() => setTrail(trail.slice(0, -1))}><${Icon} name="back" size=${15} />Newer</button>
      <button class="button" disabled=${!answer.data?.next} onClick=${() => setTrail([...trail, answer.data.next])}>Older<${Icon} name="next" size=${15} /></button></div>`}`;
}
