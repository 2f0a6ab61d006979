/**
 * A line of CSV (RFC 4180). What begins as a formula of a spreadsheet gets an apostrophe before it: names of programs and
 * files are written by whoever was in a container, and nothing of theirs is to run where the list is opened.
 */
export function csvLine(cells: readonly (string | number | null)[]): string {
  return cells.map(csvCell).join(',');
}

function csvCell(cell: string | number | null): string {
  if (typeof cell !== 'string') return cell === null ? '' : String(cell);
  const plain = /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell;
  return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
}
