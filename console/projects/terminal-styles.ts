/**
 * The console's Content-Security-Policy lets no page write styles into itself, and xterm.js writes its colours and sizes
 * as the text of `style` elements, which it makes while it opens. The same text in constructed style sheets is allowed:
 * for that moment the page makes such elements.
 */
export function openWithSheets(open: () => void): void {
  document.createElement = (name: string) =>
    name === 'style' ? createSheet() : Document.prototype.createElement.call(document, name);
  try {
    open();
  } finally {
    Reflect.deleteProperty(document, 'createElement');
  }
}

/** Stands for a `style` element: what is written into it is a sheet of the page until it is removed. */
function createSheet(): HTMLElement {
  const sheet = new CSSStyleSheet();
  document.adoptedStyleSheets.push(sheet);
  const element = Document.prototype.createElement.call(document, 'template');
  Object.defineProperty(element, 'textContent', { set: (text: string) => sheet.replaceSync(text) });
  element.remove = () => {
    const at = document.adoptedStyleSheets.indexOf(sheet);
    if (at >= 0) document.adoptedStyleSheets.splice(at, 1);
    HTMLElement.prototype.remove.call(element);
  };
  return element;
}

/** A colour of a cell beyond the 256 is a `style` attribute, which is refused too; the object model is not. */
export function allowStyledSpans(): void {
  HTMLSpanElement.prototype.setAttribute = function setAttribute(name: string, value: string): void {
    if (name === 'style') this.style.cssText = value;
    else HTMLElement.prototype.setAttribute.call(this, name, value);
  };
}
