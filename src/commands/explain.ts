import { explainRepresentation } from '../service/explain-representation.ts'
import { pageText } from '../service/page-link.ts'
import type { ConfigOption, ExitCode } from './command-line.ts'
import { assertProject, inspect } from './inspect.ts'
import { complain, print, printCommand, printJson } from './output.ts'

/** `explain`: why the files of one representation are, or are not, synced. Exits with 1 when there is no such representation. */
export async function explainCommand(
  id: string,
  options: ConfigOption & { readonly json: boolean; readonly project?: string },
): Promise<ExitCode> {
  return inspect<ExitCode>(options.config, async (inspection) => {
    await assertProject(inspection, options.project)
    const explained = await explainRepresentation(inspection, id, options.project)
    if (!explained) {
      const where = options.project ?? `any project of database ${inspection.settings.mongo.database}`
      complain(`there is no representation ${JSON.stringify(id)} in ${JSON.stringify(where)}`)
      return 1
    }
    const { project, remarks, files, page } = explained
    if (options.json) printJson({ project, representation: id, remarks, files, ...(page && { page: page.url }) })
    else {
      print(`${project}: representation ${id}`)
      for (const remark of remarks) print(`  ${remark}`)
      for (const { path, site, state: is, reason, fix, command } of files) {
        print(`  ${path} → ${site}: ${is}: ${reason}`)
        if (command !== undefined) printCommand(command)
        if (fix !== undefined) printCommand(fix)
      }
      if (page) print(`  on the page: ${pageText(page)}`)
    }
    return 0
  })
}
