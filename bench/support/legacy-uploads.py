"""Uploads files as the legacy provider does: Google's client, resumable in chunks, each name asked for first, several at once.

Arguments: origin of the API, path of the account's key, id of the folder, uploads at once, bytes a chunk, the source folder.
Prints a line of JSON: how many files, and the seconds it took, without the start of the interpreter and the first token.
"""

import concurrent.futures
import json
import os
import sys
import threading
import time

import google_auth_httplib2
import httplib2
from google.oauth2 import service_account
from googleapiclient import discovery, discovery_cache
from googleapiclient.http import MediaFileUpload

ORIGIN, KEY, FOLDER, AT_ONCE, CHUNK, SOURCE = sys.argv[1:7]
# The library names Google as the audience of its statements, whatever the key says.
credentials = service_account.Credentials.from_service_account_file(
    KEY, scopes=["https://www.googleapis.com/auth/drive"], additional_claims={"aud": ORIGIN + "/token"}
)
document = json.loads(discovery_cache.get_static_doc("drive", "v3"))
# The addresses of uploads are made from the root's.
document["rootUrl"] = ORIGIN + "/"
document["baseUrl"] = ORIGIN + "/drive/v3/"
# The legacy provider shares one connection, which is not safe: a connection a thread does it no injustice.
own = threading.local()
drive = discovery.build_from_document(document, credentials=credentials)


def http():
    if not hasattr(own, "http"):
        own.http = google_auth_httplib2.AuthorizedHttp(credentials, http=httplib2.Http())
    return own.http


def find(name, folder):
    """Id of what has this name in a folder."""
    query = f"name = '{name}' and '{folder}' in parents and trashed = false"
    request = drive.files().list(
        q=query, includeItemsFromAllDrives=True, supportsAllDrives=True, fields="nextPageToken, files(id, name, parents)"
    )
    return next((item["id"] for item in request.execute(http=http())["files"]), None)


def upload(source, folder):
    name = os.path.basename(source)
    media = MediaFileUpload(source, mimetype="application/octet-stream", chunksize=int(CHUNK), resumable=True)
    if find(name, folder) is not None:
        raise FileExistsError(name)
    request = drive.files().create(
        body={"name": name, "parents": [folder]}, supportsAllDrives=True, media_body=media, fields="id"
    )
    request.http = http()
    response = None
    while response is None:
        _, response = request.next_chunk()


def make_folder(name):
    body = {"name": name, "mimeType": "application/vnd.google-apps.folder", "parents": [FOLDER]}
    return drive.files().create(body=body, supportsAllDrives=True, fields="id").execute(http=http())["id"]


folders = {name: make_folder(name) for name in sorted(os.listdir(SOURCE))}
files = [(os.path.join(SOURCE, name, file), id) for name, id in folders.items() for file in sorted(os.listdir(os.path.join(SOURCE, name)))]
with concurrent.futures.ThreadPoolExecutor(max_workers=int(AT_ONCE)) as pool:
    started = time.perf_counter()
    for _ in pool.map(lambda job: upload(*job), files):
        pass
    print(json.dumps({"files": len(files), "seconds": time.perf_counter() - started}))
