// Puts the libraries of the page into vendor/, so that a browser finds them without an import map.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

const FILES = {
  'preact.js': 'preact/dist/preact.mjs',
  'hooks.js': 'preact/hooks/dist/hooks.mjs',
  'signals-core.js': '@preact/signals-core/dist/signals-core.mjs',
  'signals.js': '@preact/signals/dist/signals.mjs',
  'htm.js': 'htm/dist/htm.module.js',
  'uplot.js': 'uplot/dist/uPlot.iife.min.js',
  'uplot.css': 'uplot/dist/uPlot.min.css',
};
const NAMES = {
  preact: './preact.js',
  'preact/hooks': './hooks.js',
  '@preact/signals-core': './signals-core.js',
};

const here = new URL('./', import.meta.url);
rmSync(new URL('vendor', here), { recursive: true, force: true });
mkdirSync(new URL('vendor', here));
for (const [name, from] of Object.entries(FILES)) {
  let text = readFileSync(new URL(`node_modules/${from}`, here), 'utf8');
  text = text.replace(/^\/\/# sourceMappingURL=.*$/m, '');
  text = text.replace(/\bfrom\s*(["'])([@\w][\w/-]*)\1/g, (_, quote, bare) => {
    if (!NAMES[bare]) throw new Error(`${from} wants ${bare}, which is not among the libraries`);
    return `from${quote}${NAMES[bare]}${quote}`;
  });
  if (name === 'uplot.js') text += '\nexport default uPlot;\n';
  if (name.endsWith('.js') && /\beval\(|new Function\(/.test(text)) {
    throw new Error(`${from} makes code from text, which the policy of the page forbids`);
  }
  if (name.endsWith('.js')) text = `// @ts-nocheck\n${text}`;
  writeFileSync(new URL(`vendor/${name}`, here), text);
}
