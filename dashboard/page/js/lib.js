// The libraries of the page, under one name each; build.mjs puts them into vendor/.
import { h, render, Fragment } from '../vendor/preact.js';
import htm from '../vendor/htm.js';

export { h, render, Fragment };
export { useState, useEffect, useRef, useMemo, useCallback, useId } from '../vendor/hooks.js';
export { signal, computed, effect, batch, useSignal, useComputed } from '../vendor/signals.js';
export const html = htm.bind(h);
