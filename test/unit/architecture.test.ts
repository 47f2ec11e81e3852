import { readdirSync, readFileSync } from 'node:fs'
import { join, posix, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

import { describe, expect, test } from 'vitest'

const SRC = fileURLToPath(new URL('../../src/', import.meta.url))

interface SourceFile {
  /** Below `src`, with slashes. */
  readonly path: string
  readonly folder: string
  readonly text: string
  /** Packages by name, own files by their path below `src`. */
  readonly imports: readonly string[]
}

const IMPORT = /(?:^\s*(?:import|export)\b[^'"`;]*?\bfrom\s*|^\s*import\s*|\bimport\(\s*)'([^']+)'/gm

const files: readonly SourceFile[] = readdirSync(SRC, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
  .map((entry) => {
    const full = join(entry.parentPath, entry.name)
    const path = relative(SRC, full).split(sep).join('/')
    const text = readFileSync(full, 'utf8')
    const imports = [...text.matchAll(IMPORT)].map(([, target = '']) =>
      target.startsWith('.') ? posix.normalize(posix.join(posix.dirname(path), target)) : target,
    )
    return { path, folder: path.includes('/') ? path.slice(0, path.indexOf('/')) : '', text, imports }
  })

const paths = new Set(files.map(({ path }) => path))
const topOf = (path: string): string => (path.includes('/') ? path.slice(0, path.indexOf('/')) : path)

/** `file → import` of all imports that are not allowed. */
function offences(of: (file: SourceFile) => boolean, isAllowed: (target: string, file: SourceFile) => boolean): readonly string[] {
  return files
    .filter(of)
    .flatMap((file) => file.imports.filter((target) => !isAllowed(target, file)).map((target) => `${file.path} → ${target}`))
}

const isPackage = (target: string, name: string): boolean => target === name || target.startsWith(`${name}/`)
const isOwn = (target: string): boolean => paths.has(target)

test('the imports are found, and every own one leads to a file', () => {
  expect(files.length).toBeGreaterThan(100)
  expect(files.flatMap(({ imports }) => imports).length).toBeGreaterThan(300)
  const lost = files.flatMap(({ path, imports }) =>
    imports.filter((target) => target.endsWith('.ts') && !isOwn(target)).map((target) => `${path} → ${target}`),
  )
  expect(lost).toEqual([])
})

const composition = ({ folder }: SourceFile): boolean => folder === '' || folder === 'commands'

describe('imports point one way', () => {
  test.each<[string, readonly string[]]>([
    ['model', ['model', 'errors.ts']],
    ['providers', ['providers', 'model', 'errors.ts', 'secrets.ts']],
    ['streams', ['streams', 'model', 'errors.ts']],
    ['pipeline', ['pipeline', 'model', 'errors.ts', 'providers/provider.ts']],
    ['logging', ['logging', 'model', 'errors.ts', 'secrets.ts']],
  ])('%s imports nothing but %j', (folder, allowed) => {
    const may = (target: string): boolean => !isOwn(target) || allowed.includes(topOf(target)) || allowed.includes(target)
    expect(offences((file) => file.folder === folder, may)).toEqual([])
  })

  test('nobody but the composition imports commands, and nobody at all the entry', () => {
    expect(
      offences(
        (file) => !composition(file),
        (target) => topOf(target) !== 'commands',
      ),
    ).toEqual([])
    expect(
      offences(
        () => true,
        (target) => target !== 'main.ts',
      ),
    ).toEqual([])
  })

  test('the HTTP server is known to nobody but to what starts it, and loaded only when it is', () => {
    const users = files.filter(({ folder, imports }) => folder !== 'http' && imports.some((target) => topOf(target) === 'http'))
    expect(users.map(({ path }) => path)).toEqual(['service/web.ts'])
    expect(users[0]?.text).not.toMatch(/^import (?!type ).*'\.\.\/http\//m)
  })

  test.each(['errors.ts', 'secrets.ts'])('%s imports nothing', (name) => {
    expect(files.find(({ path }) => path === name)?.imports).toEqual([])
  })
})

describe('each library has its place', () => {
  test.each<[string, readonly string[]]>([
    // The commands and the composition root hand the client and ids through; the configuration has the driver check the address.
    ['mongodb', ['streams', 'config', 'commands', 'service']],
    ['rxjs', ['pipeline', 'streams', 'service']],
    ['googleapis', ['providers']],
    ['googleapis-common', ['providers']],
    ['node:fs', ['providers', 'config', 'logging', 'commands', 'service', 'http', '']],
    ['winston', ['logging', '']],
    ['zod', ['config', 'http']],
    ['fastify', ['http']],
    ['prom-client', ['metrics']],
    ['@opentelemetry/api', ['tracing']],
    ['fastify-type-provider-zod', ['http']],
    ['commander', ['commands']],
  ])('%s: %j', (name, folders) => {
    expect(
      offences(
        (file) => !folders.includes(file.folder),
        (target) => !isPackage(target, name),
      ),
    ).toEqual([])
  })
})

describe('files', () => {
  test('are of 250 lines at most', () => {
    const long = files.map(({ path, text }) => [path, text.trimEnd().split('\n').length] as const).filter(([, lines]) => lines > 250)
    expect(long).toEqual([])
  })

  test('are short, in the middle', () => {
    const lines = files.map(({ text }) => text.split('\n').length).toSorted((a, b) => a - b)
    expect(lines[Math.floor(lines.length / 2)]).toBeLessThanOrEqual(80)
  })

  test('have names in kebab case', () => {
    const odd = [...paths].filter((path) => !/^([a-z0-9]+(-[a-z0-9]+)*\/)*[a-z0-9]+(-[a-z0-9]+)*\.ts$/.test(path))
    expect(odd).toEqual([])
  })
})
