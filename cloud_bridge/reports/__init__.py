"""Reports: from counts to one `Figures` value, which page, XLSX, CSV, JSON and e-mail all show."""
