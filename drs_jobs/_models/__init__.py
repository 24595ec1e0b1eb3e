"""What AWS returns, as classes: frozen attrs classes, open enums and tagged unions. All of it is public in `drs_jobs`."""

from drs_jobs._models.base import UnknownMember as UnknownMember
from drs_jobs._models.enums import *
from drs_jobs._models.job import *
from drs_jobs._models.log import *
from drs_jobs._models.source_server import SourceServer as SourceServer
