import { html } from './lib.js';

/** The mark of the product: one line that becomes many. @param {{ size?: number }} props */
export const Mark = ({ size = 28 }) => html`
  <svg class="mark" width=${size} height=${size} viewBox="0 0 32 32" aria-hidden="true">
    <rect width="32" height="32" rx="9" />
    <path d="M7 16h6c4 0 4-7 8-7h4M13 16h12M13 16c4 0 4 7 8 7h4" />
  </svg>`;
