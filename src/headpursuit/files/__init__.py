"""Files that people wrote: text, JSON, YAML, tables; read whole and exactly, or refused with the place and a remedy."""

from headpursuit.files.cells import Row, column, text_of
from headpursuit.files.objects import parse_json, parse_yaml, read_yaml
from headpursuit.files.tables import TABLES, read_table, rows_of
from headpursuit.files.texts import check_text, is_blank, lines_of, read_text, refuse_pointer, shown
