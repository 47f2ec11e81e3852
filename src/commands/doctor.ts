import { loadSettings } from '../config/load-settings.ts'
import { ConfigError } from '../errors.ts'
import type { Check } from '../service/doctor/check.ts'
import { examineAll, unloadable } from '../service/doctor/doctor.ts'
import type { ConfigOption, ExitCode } from './command-line.ts'
import { print, printCommand, printJson } from './output.ts'

/** `doctor`: is everything there that the service needs, and what mends what is not? */
export async function doctorCommand(options: ConfigOption & { readonly json: boolean }): Promise<ExitCode> {
  try {
    const loaded = await loadSettings(options.config, process.env)
    const checks = await examineAll(loaded)
    show(checks, options.json)
    return checks.some(({ status }) => status === 'fail') ? 1 : 0
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    show(unloadable(error.message), options.json)
    return 2
  }
}

function show(checks: readonly Check[], isJson: boolean): void {
  if (isJson) return printJson({ checks })
  const width = Math.max(...checks.map(({ check }) => check.length))
  for (const { check, status, detail, fix } of checks) {
    print(`${status}  ${check.padEnd(width)}  ${detail.replaceAll('\n', ' ')}`)
    if (fix !== '') printCommand(fix)
  }
}
