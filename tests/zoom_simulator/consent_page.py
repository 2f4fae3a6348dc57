"""The page on which a simulated user allows or denies an app."""

from html import escape

from .http_message import Response

USERS_SHOWN = 200
PASSED_ON = ("response_type", "client_id", "redirect_uri", "state", "code_challenge",
             "code_challenge_method")
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; background: #f2f4f8; color: #1c2230; margin: 0 }
main { max-width: 27rem; margin: 10vh auto; background: #fff; border-radius: 12px; padding: 2rem;
       box-shadow: 0 2px 16px #0002 }
h1 { font-size: 1.25rem; margin-top: 0 }
li { font-family: ui-monospace, monospace; font-size: .85rem }
select { width: 100%; padding: .5rem; font: inherit; margin: .25rem 0 1.25rem }
button { font: inherit; padding: .5rem 1.5rem; border-radius: 8px; border: 1px solid #b8c0d0;
         background: #fff; cursor: pointer }
button[value=allow] { background: #0b5cff; color: #fff }
small { color: #667 }
"""


def page(title, content):
    return (f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
            f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style>'
            f"<main>{content}</main></html>")


def error_page(message):
    return Response.of_html(400, page("Zoom simulator", f"<h1>Cannot authorize</h1>"
                                                        f"<p>{escape(message)}</p>"))


def consent_page(app, fields, users):
    chosen = fields.get("login")
    shown = [user for user in users if user.id == chosen]
    shown += [user for user in users if user.id != chosen][:USERS_SHOWN]
    options = "".join(f'<option value="{escape(user.id)}">{escape(user.display_name)} '
                      f"({escape(user.email)})</option>" for user in shown)
    hidden = "".join(f'<input type="hidden" name="{name}" value="{escape(fields[name])}">'
                     for name in PASSED_ON if name in fields)
    scopes = "".join(f"<li>{escape(scope)}</li>" for scope in app.scopes)
    return page(f"{app.name} asks for access", f"""
<h1>{escape(app.name)} asks for access to your Zoom account</h1>
<p>It will be able to use:</p><ul>{scopes}</ul>
<form method="post" action="/oauth/authorize">{hidden}
<label>Signed in as <select name="login">{options}</select></label>
<button name="decision" value="allow">Allow</button>
<button name="decision" value="deny">Deny</button>
</form>
<p><small>Zoom simulator: nobody here is real.</small></p>""")
