import { formatKey, Problems } from './problems.ts'
import { syncServerOf, takeParts, type FoundParts } from './openpype-parts.ts'
import { isRawObject, rawObject, type RawObject } from './read-json.ts'

interface OtherFile {
  /** Undefined: it holds something else. */
  readonly parts: FoundParts | undefined
}

/** What a file beside `config.json` holds of OpenPype's settings, if it holds nothing else. */
export function partsOfFile(raw: RawObject, name: string): FoundParts | undefined {
  const { parts, rest } = takeParts(raw, name, { isBareAllowed: true })
  const isAll = Object.keys(rest).every((key) => key === '$schema')
  return isAll && Object.keys(parts).length > 0 ? parts : undefined
}

/** The parts of all files of a folder, and what is left of the main one. */
export function gatherParts(
  main: RawObject,
  file: string,
  others: readonly OtherFile[],
  problems: Problems,
): { parts: FoundParts; rest: RawObject } {
  const { parts: first, rest } = takeParts(main, file, { isBareAllowed: false })
  const parts = { ...first }
  for (const found of others.flatMap((other) => other.parts ?? [])) {
    for (const name of ['system', 'project'] as const) {
      const [part, earlier] = [found[name], parts[name]]
      const other = name === 'project' ? '; what another project does differently belongs in projects.overrides' : ''
      if (part && earlier) problems.add(part.place, 'declared twice', `the ${name} settings once; ${earlier.place} holds them too${other}`)
      else if (part) parts[name] = part
    }
  }
  if (!parts.system || parts.project || !isRawObject(rest['config'])) return { parts, rest }
  // The legacy settings, as the main file may hold them, are what stands in a project's.
  const project = {
    value: rawObject(Object.entries(rest).filter(isOfProject)),
    keyOf: (path: readonly PropertyKey[]) => `${file}: ${formatKey(path)}`,
    place: file,
  }
  return { parts: { ...parts, project }, rest: rawObject(Object.entries(rest).filter((entry) => !isOfProject(entry))) }
}

/** The sites by name of each part, checked later. */
export function sitesOfParts(parts: FoundParts): readonly unknown[] {
  return (['system', 'project'] as const).map((name) => {
    const part = parts[name]
    return part && syncServerOf(name, part, new Problems())?.value['sites']
  })
}

function isOfProject([key]: readonly [string, unknown]): boolean {
  return ['enabled', 'config', 'sites'].includes(key)
}
