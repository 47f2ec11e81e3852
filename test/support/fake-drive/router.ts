import { notFound } from './api-error.ts'
import type { Exchange, Reply } from './exchange.ts'
import type { Operation } from './faults.ts'
import type { FilesApi } from './files-api.ts'
import { contentReply } from './media.ts'
import type { FakeDriveSettings } from './settings.ts'
import { ACCOUNT_EMAIL } from './credentials.ts'
import { FOLDER } from './store.ts'
import type { Store } from './store.ts'
import type { UploadApi } from './upload-api.ts'

export interface Apis {
  readonly store: Store
  readonly files: FilesApi
  readonly uploads: UploadApi
  readonly settings: FakeDriveSettings
  readonly origin: string
}

export interface Route {
  readonly operation: Operation
  serve(exchange: Exchange, apis: Apis): Reply | Promise<Reply>
}

const FILES = '/drive/v3/files'
const UPLOADS = '/upload/drive/v3/files'

/** What a request is. */
export function routeOf(method: string, url: URL, contentRange: string | undefined): Route {
  const { pathname, searchParams } = url
  if (pathname.startsWith(UPLOADS)) return uploadRoute(method, pathname.slice(UPLOADS.length + 1), searchParams, contentRange)
  const at = `${method} ${pathname}`
  if (at === 'GET /drive/v3/about') return { operation: 'about.get', serve: about }
  if (at === 'GET /drive/v3/drives') return { operation: 'drives.list', serve: drives }
  if (at === `GET ${FILES}/generateIds`)
    return { operation: 'files.generateIds', serve: (exchange, { files }) => files.generateIds(exchange) }
  if (at === `GET ${FILES}`) return { operation: 'files.list', serve: (exchange, { files }) => files.list(exchange) }
  if (at === `POST ${FILES}`) return { operation: 'files.create', serve: async (exchange, { files }) => await files.create(exchange) }
  const [, id, rest] = /^\/drive\/v3\/files\/([^/]+)(\/revisions)?$/.exec(pathname) ?? []
  if (id === undefined) return unknown
  if (rest !== undefined) return { operation: 'revisions.list', serve: (exchange, { files }) => files.revisions(exchange, id) }
  if (method === 'GET' && searchParams.get('alt') === 'media') {
    return { operation: 'media.read', serve: (exchange, { store }) => contentReply(exchange, store.get(id, exchange.allDrives)) }
  }
  if (method === 'GET') return { operation: 'files.get', serve: (exchange, { files }) => files.get(exchange, id) }
  if (method === 'PATCH') return { operation: 'files.update', serve: async (exchange, { files }) => await files.update(exchange, id) }
  if (method === 'DELETE') return { operation: 'files.delete', serve: (exchange, { files }) => files.delete(exchange, id) }
  return unknown
}

function uploadRoute(method: string, id: string, query: URLSearchParams, contentRange: string | undefined): Route {
  const replaces = id === '' ? undefined : id
  if (query.has('upload_id')) {
    if (method === 'DELETE') return { operation: 'upload.cancel', serve: async (exchange, { uploads }) => await uploads.cancel(exchange) }
    if (method !== 'PUT') return unknown
    const operation = contentRange?.startsWith('bytes */') === true ? 'upload.status' : 'upload.chunk'
    return { operation, serve: async (exchange, { uploads }) => await uploads.put(exchange) }
  }
  if (method !== (replaces === undefined ? 'POST' : 'PATCH')) return unknown
  const type = query.get('uploadType')
  if (type === 'multipart')
    return { operation: 'upload.multipart', serve: async (exchange, { uploads }) => await uploads.multipart(exchange, replaces) }
  if (type !== 'resumable') return unknown
  return { operation: 'upload.start', serve: async (exchange, { uploads, origin }) => await uploads.start(exchange, replaces, origin) }
}

const unknown: Route = {
  operation: 'unknown',
  serve: ({ url }) => {
    throw notFound(url.pathname)
  },
}

function about(exchange: Exchange, { uploads, settings }: Apis): Reply {
  if (!exchange.query.has('fields')) throw notFound("The 'fields' parameter is required for this method")
  const usage = String(uploads.used())
  const limit = settings.storageLimit === Infinity ? {} : { limit: String(settings.storageLimit) }
  return exchange.masked({ kind: 'drive#about', user: { emailAddress: ACCOUNT_EMAIL }, storageQuota: { ...limit, usage } })
}

function drives(exchange: Exchange, { store, settings }: Apis): Reply {
  const tops = store.all().filter((entry) => entry.driveId === entry.id && entry.mimeType === FOLDER && store.roleOf(entry) !== undefined)
  const offset = Number(exchange.query.get('pageToken') ?? 0)
  const size = Math.min(Number(exchange.query.get('pageSize') ?? 10), 100, settings.longestPage)
  const next = offset + size < tops.length ? { nextPageToken: String(offset + size) } : {}
  const found = tops.slice(offset, offset + size).map(({ id, name, createdTime }) => ({ kind: 'drive#drive', id, name, createdTime }))
  const body = { kind: 'drive#driveList', drives: found, ...next }
  return exchange.masked(body, exchange.query.get('fields') ?? 'kind,nextPageToken,drives(kind,id,name)')
}
