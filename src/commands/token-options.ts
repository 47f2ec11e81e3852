import { Option, type Command } from 'commander'

import { TOKEN_SCOPES } from '../model/access-token.ts'
import type { ExitCode } from './command-line.ts'
import type { TokenOptions } from './token.ts'

/** `token create`, `token list` and `token revoke`. */
export function addTokens(program: Command, config: () => Option, ended: (code: ExitCode) => void): void {
  const token = program.command('token').description('who may use the HTTP API: tokens, of which only hashes are stored')
  const writing = (command: Command): Command =>
    command
      .addOption(config())
      .option('--json', 'as one JSON object', false)
      .option('--dry-run', 'say what would be done, and do nothing', false)
  writing(token.command('create').description('a new token, which is shown this once'))
    .argument('<name>', 'what the audit calls whoever uses it')
    .addOption(new Option('--scope <scope>', 'read, or operate: actions too').choices(TOKEN_SCOPES).default('read'))
    .action(async (name: string, options: TokenOptions) => ended(await (await import('./token.ts')).createToken(name, options)))
  token
    .command('list')
    .description('the names of all tokens')
    .addOption(config())
    .option('--json', 'as one JSON object', false)
    .action(async (options: TokenOptions) => ended(await (await import('./token.ts')).listTokens(options)))
  writing(token.command('revoke').description('end a token at once'))
    .argument('<name>', 'its name')
    .action(async (name: string, options: TokenOptions) => ended(await (await import('./token.ts')).revokeToken(name, options)))
}
