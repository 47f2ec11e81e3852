import type { Db } from 'mongodb'

import { loadSettings } from '../config/load-settings.ts'
import { UsageError } from '../errors.ts'
import type { TokenScope } from '../model/access-token.ts'
import { accessTokens, type AccessTokens } from '../streams/access-tokens.ts'
import { audit } from '../streams/audit.ts'
import { connect } from '../streams/connect.ts'
import type { ExitCode } from './command-line.ts'
import { complain, print, printJson, printTable, printToken, printTokenJson } from './output.ts'
import { tellControl, whoAmI } from './tell-control.ts'

export interface TokenOptions {
  readonly config: string
  readonly json: boolean
  readonly dryRun: boolean
  readonly scope: TokenScope
}

const NAME = /^[\p{L}\p{N}][\p{L}\p{N}._@-]{0,63}$/u

/** `token create`: shows the token, which is stored nowhere. Exits with 1 when there is one of that name. */
export async function createToken(name: string, { config, json, dryRun, scope }: TokenOptions): Promise<ExitCode> {
  if (!NAME.test(name)) throw new UsageError(`the name of a token is up to 64 letters, digits and . _ @ -, not ${JSON.stringify(name)}`)
  return await withTokens(config, async (tokens, state) => {
    if (dryRun) {
      const isTaken = (await tokens.list()).some((each) => each.name === name)
      if (json) printJson({ name, scope, dry_run: true, exists: isTaken })
      else print(isTaken ? `There is a token ${JSON.stringify(name)} already.` : `A token ${JSON.stringify(name)} would be created.`)
      return isTaken ? 1 : 0
    }
    const token = await tokens.create(name, scope, whoAmI())
    if (token === undefined) {
      complain(`there is a token ${JSON.stringify(name)} already: revoke it first, or choose another name`)
      return 1
    }
    await audited(state, 'token create', { name, scope })
    if (json) printTokenJson({ name, scope }, token)
    else {
      print(`Token ${JSON.stringify(name)} with scope ${scope}; it is not shown again:`)
      printToken(token)
    }
    return 0
  })
}

/** `token list`: names, scopes, and who created them when. */
export async function listTokens({ config, json }: TokenOptions): Promise<ExitCode> {
  return await withTokens(config, async (tokens) => {
    const all = await tokens.list()
    if (json) printJson({ tokens: all })
    else if (all.length === 0) print('There are no tokens.')
    else
      printTable(
        ['name', 'scope', 'created', 'by'],
        all.map(({ name, scope, created, who }) => [name, scope, created.toISOString(), who]),
      )
    return 0
  })
}

/** `token revoke`: exits with 1 when there is none of that name. */
export async function revokeToken(name: string, { config, json, dryRun }: TokenOptions): Promise<ExitCode> {
  return await withTokens(config, async (tokens, state) => {
    const isThere = dryRun ? (await tokens.list()).some((each) => each.name === name) : await tokens.revoke(name)
    if (!isThere) {
      complain(`there is no token ${JSON.stringify(name)}`)
      return 1
    }
    if (!dryRun) await audited(state, 'token revoke', { name })
    if (json) printJson({ name, revoked: !dryRun, dry_run: dryRun })
    else print(`Token ${JSON.stringify(name)} ${dryRun ? 'would be' : 'is'} revoked.`)
    return 0
  })
}

async function withTokens(config: string, work: (tokens: AccessTokens, state: Db) => Promise<ExitCode>): Promise<ExitCode> {
  const { settings } = await loadSettings(config, process.env)
  await using connections = connect(settings.mongo.uri)
  await connections.open()
  const state = connections.work.db(settings.mongo.stateDatabase)
  return await work(accessTokens(state), state)
}

async function audited(state: Db, action: string, selection: Readonly<Record<string, unknown>>): Promise<void> {
  const entry = { who: whoAmI(), action, selection, records: 0, representations: 0 }
  await tellControl(entry, `${action} ${String(selection['name'])}, by ${entry.who}`)
  await audit(state, entry)
}
