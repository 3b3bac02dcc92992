-- Nothing to change here: the index `operations_owed` leads to entries of every status, so to `tentative` ones too.
DO 0;
