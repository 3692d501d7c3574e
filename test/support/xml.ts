/** Why a text is not well-formed XML (elements, attributes, entities), or null if it is. */
export function problemOfXml(text: string): string | null {
  const open: string[] = [];
  const parts =
    /<(\/?)([A-Za-z][\w:.-]*)((?:\s+[\w:.-]+="[^"<]*")*)\s*(\/?)>|<!--[\s\S]*?-->|([^<]+)|(<)/g;
  let roots = 0;
  for (const [whole, closing, name = '', attributes = '', empty, plain, stray] of text.matchAll(
    parts,
  )) {
    if (stray !== undefined) return `a '<' that begins no tag, before ${whole}`;
    if (/&(?!(?:amp|lt|gt|quot|apos|#\d+|#x[\da-f]+);)/i.test(plain ?? attributes)) {
      return `a '&' that begins no entity: ${whole}`;
    }
    if (plain !== undefined) {
      if (open.length === 0 && plain.trim() !== '') return `text outside of the root: ${plain}`;
      continue;
    }
    if (name === '') continue;
    if (closing !== '') {
      const expected = open.pop();
      if (expected !== name) return `</${name}> closes <${expected}>`;
      continue;
    }
    const names = [...attributes.matchAll(/([\w:.-]+)=/g)].map(([, key]) => key);
    if (new Set(names).size < names.length) return `an attribute twice: ${whole}`;
    if (open.length === 0 && roots++ > 0) return `a second root: ${whole}`;
    if (empty === '') open.push(name);
  }
  return open.length > 0 ? `<${open.at(-1)}> is not closed` : null;
}
