"""The expert system: rules that watch streams of presses and appeals, and the alarms they raise.

Everything here is pure: the same facts in any order of arrival give the same alarms with the same ids.
"""
