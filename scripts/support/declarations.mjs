// @ts-check
// The public declarations with their comments, as TypeScript's own compiler reads them.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SyntaxKind } from 'typescript/unstable/ast';
import * as is from 'typescript/unstable/ast/is';
import { API } from 'typescript/unstable/sync';
import { root } from './files.mjs';

/** @typedef {import('typescript/unstable/ast').Node} Node */
/** @typedef {import('typescript/unstable/sync').Project} Project */
/** @typedef {import('typescript/unstable/sync').Symbol} Name */

/**
 * A name that users can see: an export, or a member of one.
 *
 * @typedef {object} Declared
 * @property {string} name
 * @property {string} heading what it is: `class UdpSocket extends ZeroCopySocket`, `count?: number`
 * @property {string} comment as written, without the stars; empty where there is none
 * @property {string} place file and offset of the declaration
 * @property {Declared[]} members those of classes, interfaces and object types; the values of a union
 */

/**
 * What an entry point exports, and what that names without its being exported; each by the alphabet.
 *
 * @typedef {{ exported: Declared[], named: Declared[] }} EntryPoint
 */

/**
 * Reads entry points of the package, as they were compiled.
 *
 * @param {readonly string[]} entries .d.ts files, relative to the root of the checkout
 * @returns {EntryPoint[]} in the same order
 */
export function declarationsOf(entries) {
  const folder = join(root, 'build/reference');
  const config = join(folder, `${entries.join('+').replaceAll('/', '-')}.json`);
  const compilerOptions = { module: 'NodeNext', types: ['node'], noEmit: true };
  const files = entries.map((entry) => join(root, entry));
  mkdirSync(folder, { recursive: true });
  writeFileSync(config, JSON.stringify({ compilerOptions, files }));
  const api = new API();
  try {
    const [project] = api.updateSnapshot({ openProject: config }).getProjects();
    if (project === undefined) throw new Error('the compiler has not opened the declarations');
    return files.map((file) => entryPoint(project, file));
  } finally {
    api.close();
  }
}

/** @param {Project} project @param {string} file @returns {EntryPoint} */
function entryPoint(project, file) {
  const { checker, program } = project;
  const source = program.getSourceFile(file);
  const module = source && checker.getSymbolAtLocation(source);
  if (module === undefined) throw new Error(`${file} is no module`);
  /** What an import or a re-export stands for. */
  const resolved = (/** @type {Name} */ symbol) =>
    symbol.declarations.some(({ kind }) => ALIASES.has(kind))
      ? checker.getAliasedSymbol(symbol)
      : symbol;
  const nodesOf = (/** @type {Name} */ symbol) =>
    resolved(symbol).declarations.flatMap((handle) => handle.resolve(project) ?? []);

  const exported = checker.getExportsOfModule(module).flatMap(nodesOf);
  const seen = new Set(exported.map(placeOf));
  const all = [...exported];
  for (const node of all) {
    for (const name of namesIn(node)) {
      const symbol = checker.getSymbolAtLocation(name);
      for (const found of symbol === undefined ? [] : nodesOf(symbol).filter(isOurs)) {
        if (!seen.has(placeOf(found))) all.push(found);
        seen.add(placeOf(found));
      }
    }
  }
  const named = all.slice(exported.length);
  return { exported: sorted(exported.map(declared)), named: sorted(named.map(declared)) };
}

const ALIASES = new Set([
  SyntaxKind.ExportSpecifier,
  SyntaxKind.ImportSpecifier,
  SyntaxKind.ImportClause,
  SyntaxKind.NamespaceImport,
]);

/** A declaration of our own that has a name at the top of a file, so no type parameter. */
function isOurs(/** @type {Node} */ node) {
  const isTop = is.isSourceFile(node.parent) || is.isVariableDeclarationList(node.parent);
  return isTop && node.getSourceFile().fileName.startsWith(`${root}/dist/`);
}

function placeOf(/** @type {Node} */ node) {
  return `${node.getSourceFile().fileName.slice(root.length + 1)}:${node.pos}`;
}

/** By the alphabet; where only case differs, capitals first. @param {Declared[]} all */
function sorted(all) {
  const key = (/** @type {Declared} */ { name }) => `${name.toLowerCase()} ${name}`;
  return all.sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));
}

/** The names of types that a declaration uses. @param {Node} node @returns {Node[]} */
function namesIn(node) {
  /** @type {Node[]} */
  const found = [];
  const visit = (/** @type {Node} */ child) => {
    if (isHidden(child)) return;
    if (is.isTypeReferenceNode(child)) found.push(child.typeName);
    else if (is.isTypeQueryNode(child)) found.push(child.exprName);
    else if (is.isExpressionWithTypeArguments(child)) found.push(child.expression);
    child.forEachChild(visit);
  };
  visit(node);
  return found;
}

/** What is not for users: private members, and what is marked `@internal`. */
function isHidden(/** @type {Node} */ node) {
  if (commentOf(node).includes('@internal')) return true;
  const { name, modifiers } = /** @type {any} */ (node);
  return (
    (name !== undefined && is.isPrivateIdentifier(name)) ||
    modifiers?.some((/** @type {Node} */ one) => one.kind === SyntaxKind.PrivateKeyword) === true
  );
}

/** @param {Node} node @returns {Declared} */
function declared(node) {
  const members = membersOf(node);
  const name = nameOf(node);
  // The list of a const is what has the comment.
  const commented = is.isVariableDeclaration(node) ? node.parent.parent : node;
  const comment = commentOf(commented);
  return { name, heading: headingOf(node, members), comment, place: placeOf(node), members };
}

function nameOf(/** @type {Node} */ node) {
  if (is.isConstructorDeclaration(node)) return 'constructor';
  return /** @type {any} */ (node).name?.getText() ?? node.getText();
}

/** @param {Node} node */
function commentOf(node) {
  const text = node.jsDoc?.at(-1)?.getText() ?? '';
  return text
    .replace(/^\/\*\*[ \t]*|\s*\*\/$/g, '')
    .replace(/^[ \t]*\*[ ]?/gm, '')
    .trim();
}

/** @param {Node} node @returns {Declared[]} */
function membersOf(node) {
  if (
    is.isClassDeclaration(node) ||
    is.isInterfaceDeclaration(node) ||
    is.isTypeLiteralNode(node)
  ) {
    return [...node.members].filter((member) => !isHidden(member)).map(declared);
  }
  if (is.isUnionTypeNode(node)) {
    const values = valuesOf(node);
    if (values.length > 0) return values;
  }
  if (is.isUnionTypeNode(node) || is.isIntersectionTypeNode(node)) {
    return [...node.types].flatMap(membersOf);
  }
  if (is.isParenthesizedTypeNode(node)) return membersOf(node.type);
  if (
    is.isPropertySignatureDeclaration(node) ||
    is.isPropertyDeclaration(node) ||
    is.isTypeAliasDeclaration(node)
  ) {
    return node.type === undefined ? [] : membersOf(node.type);
  }
  return [];
}

/**
 * The values of a union, where any of them has a comment: the compiler keeps these in the text alone.
 *
 * @param {import('typescript/unstable/ast').UnionTypeNode} node
 * @returns {Declared[]}
 */
function valuesOf(node) {
  const { text } = node.getSourceFile();
  let end = node.pos;
  const values = [...node.types].map((type) => {
    const before = text.slice(end, type.getStart());
    end = type.end;
    const comment = (before.match(/\/\*\*([\s\S]*?)\*\//)?.[1] ?? '')
      .replace(/^[ \t]*\*[ ]?/gm, '')
      .trim();
    return {
      name: type.getText(),
      heading: type.getText(),
      comment,
      place: placeOf(type),
      members: [],
    };
  });
  const isCommented = values.some(({ comment }) => comment !== '');
  return isCommented && [...node.types].every(is.isLiteralTypeNode) ? values : [];
}

/** @param {Node} node @param {readonly Declared[]} members */
function headingOf(node, members) {
  const text = node
    .getText()
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/^(export |declare )+/, '')
    .replace(/\s+/g, ' ')
    .replace(/\bprivate constructor\(\);/, '')
    .replace(/;$/, '')
    .trim();
  if (is.isClassDeclaration(node) || is.isInterfaceDeclaration(node))
    return text.split(' {')[0] ?? '';
  if (is.isVariableDeclaration(node)) return `const ${text}`;
  if (members.length === 0) return text;
  if (is.isTypeAliasDeclaration(node)) return `type ${nameOf(node)}`;
  return text.replace(/\{.*\}/, '{ … }');
}
