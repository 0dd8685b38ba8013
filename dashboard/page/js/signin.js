// Signing in: with a token, or with the one-time code of a link that `sendmany up` printed.
import { ask, session } from './api.js';
import { html, signal, useEffect, useState } from './lib.js';
import { Mark } from './mark.js';
import { Failed, Icon } from './ui.js';

/** Why the person whom a proxy has signed in cannot use the page. @type {import('./lib.js').Signal<any>} */
export const refusal = signal(null);

/** @param {Record<string, string>} given */
async function signIn(given) {
  session.value = await ask('/ui/session', { method: 'POST', body: given });
}

export function SignIn() {
  const [token, setToken] = useState('');
  const [error, setError] = useState(refusal.value);
  const [busy, setBusy] = useState(false);
  /** @param {Record<string, string>} given */
  const attempt = async (given) => {
    setBusy(true);
    setError(null);
    try {
      await signIn(given);
    } catch (refused) {
      setError(refused);
    } finally {
      setBusy(false);
    }
  };
  useEffect(() => {
    const code = /^#code=([\w-]+)$/.exec(location.hash)?.[1];
    if (!code) return;
    history.replaceState(null, '', '#/campaigns'); // it is used up, and belongs into no history
    attempt({ code });
  }, []);
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    attempt({ token: token.trim() });
  };
  return html`
    <main class="signin">
      <form onSubmit=${submit} class="signin-card">
        <${Mark} size=${40} />
        <h1>Sign in to sendmany</h1>
        <p class="muted">With an access token, which whoever runs sendmany gives you. It decides what you see and what you may do.</p>
        <label for="token">Token</label>
        <input id="token" type="password" autocomplete="current-password" spellcheck="false" placeholder="sm_…"
          required value=${token} onInput=${(/** @type {any} */ event) => setToken(event.target.value)} />
        ${error && html`<${Failed} error=${error} />`}
        <button class="button primary large" disabled=${busy || !token.trim()}>${busy ? 'Signing in …' : 'Sign in'}</button>
        <details>
          <summary>Where do I get one?</summary>
          <p>On the machine that runs sendmany, for yourself:</p>
          <pre>sendmany token create NAME --scope read --scope people --scope send --scope manage --expires 30d</pre>
          <p>With <code>read</code> alone one sees figures and no person, and changes nothing. <code>sendmany up</code> in a
            terminal prints a link that signs in by itself, once, within a minute.</p>
        </details>
      </form>
      <p class="signin-foot muted"><${Icon} name="check" size=${15} /> The token is not kept in the browser. A session ends
        after 12 hours, after an hour without use, or with its token.</p>
    </main>`;
}
