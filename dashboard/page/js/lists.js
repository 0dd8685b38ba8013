// Lists of people as files hold them: CSV with a header, or one person a line.

export const NUMBER_COLUMN = /^(msisdn|number|phone|mobile|telephone|to)$/i;

/** The first rows of a CSV file, by its header. A delimiter is the one that the header has most of.
 * @param {string} text @param {number} most */
export function firstRows(text, most = 3) {
  const head = text.replace(/^\uFEFF/, '').split(/\r?\n/, 1)[0] ?? '';
  const delimiter = [',', ';', '\t'].map((one) => ({ one, n: head.split(one).length })).toSorted((a, b) => b.n - a.n)[0].one;
  /** @type {string[][]} */
  const rows = [];
  /** @type {string[]} */
  let row = [];
  let cell = '';
  let quoted = false;
  const body = text.replace(/^\uFEFF/, '');
  for (let at = 0; at < body.length && rows.length <= most; at += 1) {
    const letter = body[at];
    if (quoted) {
      if (letter === '"' && body[at + 1] === '"') { cell += '"'; at += 1; }
      else if (letter === '"') quoted = false;
      else cell += letter;
    } else if (letter === '"' && cell === '') quoted = true;
    else if (letter === delimiter) { row.push(cell); cell = ''; }
    else if (letter === '\n' || letter === '\r') {
      if (letter === '\r' && body[at + 1] === '\n') at += 1;
      row.push(cell);
      if (row.some((one) => one !== '')) rows.push(row);
      row = [];
      cell = '';
    } else cell += letter;
  }
  if (rows.length <= most && (cell || row.length)) rows.push([...row, cell]);
  const [columns = [], ...values] = rows;
  return { columns: columns.map((one) => one.trim()), rows: values.slice(0, most) };
}

/** The people in a pasted or chosen list: the column of numbers of a CSV, else the first one; each once.
 * @param {string} text @returns {string[]} */
export function peopleIn(text) {
  const { columns, rows } = firstRows(text, Infinity);
  const at = columns.findIndex((one) => NUMBER_COLUMN.test(one));
  const found = [...(at < 0 ? [columns] : []), ...rows].map((row) => (row[Math.max(at, 0)] ?? '').trim());
  return [...new Set(found.filter(Boolean))];
}
