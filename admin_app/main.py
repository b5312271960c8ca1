"""Where does an administrator begin? ``streamlit run admin_app/main.py``"""

from __future__ import annotations

from pathlib import Path

from starlette.middleware import Middleware
from streamlit.starlette import App

from admin_app.sessions import sessions
from admin_app.sign_in import ROUTES, SessionCookie

app = App(
    Path(__file__).with_name("pages.py"),
    routes=ROUTES,
    middleware=[Middleware(SessionCookie, sessions=sessions)],
)
