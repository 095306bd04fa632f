"""Statistics on plain arrays: functions take arrays and return arrays, and know nothing of runs, tables or plots."""
