namespace KernOpt.Binary.Lines;

/// <summary>The folders and files of one unit: lists of names (to DWARF 4), or tables that say themselves what is in them (DWARF 5).</summary>
internal sealed class LineHeader(DebugReader reader, LineStrings strings, int offsetSize, int version)
{
    private const ulong Path = 1, Directory = 2;

    private readonly List<string> folders = [];
    private readonly List<string> files = [];

    /// <summary>False where a form is not known.</summary>
    public bool Read()
    {
        if (version >= 5) return ReadTable((path, _) => folders.Add(path)) && ReadTable((path, folder) => files.Add(In(folder, path)));
        folders.Add("");
        files.Add("");
        while (reader.Text() is { Length: > 0 } folder && !reader.IsShort) folders.Add(folder);
        while (reader.Text() is { Length: > 0 } file && !reader.IsShort) ReadOldFile(file);
        return true;
    }

    /// <summary>Null for a number that no file has; those that a program defines itself (which compilers have not done for long) have none.</summary>
    public string? NameOf(ulong file) => file < (ulong)files.Count && files[(int)file].Length > 0 ? files[(int)file] : null;

    private void ReadOldFile(string name)
    {
        var folder = reader.Unsigned();
        reader.Unsigned();
        reader.Unsigned();
        files.Add(In(folder, name));
    }

    /// <summary>Folder 0 is where the compiler ran; those of a relative name are under it.</summary>
    private string In(ulong folder, string name)
    {
        if (name.StartsWith('/') || folder >= (ulong)folders.Count) return name;
        var under = folders[(int)folder];
        if (!under.StartsWith('/') && folders[0].Length > 0 && folder != 0) under = $"{folders[0]}/{under}";
        return under.Length == 0 ? name : $"{under}/{name}";
    }

    private bool ReadTable(Action<string, ulong> add)
    {
        var format = new (ulong Content, ulong Form)[reader.Byte()];
        for (var i = 0; i < format.Length; i++) format[i] = (reader.Unsigned(), reader.Unsigned());
        var count = reader.Unsigned();
        // An entry of no fields takes no bytes: a hostile count of them would never end.
        if (format.Length == 0) return count == 0;
        for (var n = 0UL; n < count && !reader.IsShort; n++)
        {
            var (path, folder) = ("", 0UL);
            foreach (var (content, form) in format)
            {
                if (!ReadForm(form, out var text, out var number)) return false;
                if (content == Path) path = text;
                if (content == Directory) folder = number;
            }
            add(path, folder);
        }
        return !reader.IsShort;
    }

    /// <summary>DWARF 5, 7.5.6: what a name, an index, a time, a size or a checksum may be written as.</summary>
    private bool ReadForm(ulong form, out string text, out ulong number)
    {
        (text, number) = ("", 0);
        switch (form)
        {
            case 0x08: text = reader.Text(); return true;                                       // string
            case 0x1f: text = strings.At(ofLines: true, reader.Number(offsetSize)); return true; // line_strp
            case 0x0e: text = strings.At(ofLines: false, reader.Number(offsetSize)); return true; // strp
            case 0x0f: number = reader.Unsigned(); return true;                                 // udata
            case 0x0b: number = reader.Number(1); return true;                                  // data1
            case 0x05: number = reader.Number(2); return true;                                  // data2
            case 0x06: number = reader.Number(4); return true;                                  // data4
            case 0x07: number = reader.Number(8); return true;                                  // data8
            case 0x1e: reader.Skip(16); return true;                                            // data16
            case 0x09: reader.Skip(reader.Unsigned()); return true;                             // block
            default: return false;
        }
    }
}
