using KernOpt.Target;

namespace KernOpt.Binary.Lines;

/// <summary>The units of a .debug_line section: headers (DWARF 5, 6.2.4) and programs (6.2.5).</summary>
internal sealed class LineUnits(LineStrings strings, Findings findings)
{
    private const ulong LongForm = 0xffff_ffff;
    private const int MostRows = 1 << 25;

    private readonly Dictionary<string, int> files = [];

    public List<LineRow> Rows { get; } = [];

    public List<string> Files { get; } = [];

    public void ReadAll(ByteView section)
    {
        var reader = new DebugReader(section);
        while (!reader.IsAtEnd && Rows.Count < MostRows)
        {
            var start = reader.At;
            var length = reader.Number(4);
            var isLong = length == LongForm;
            if (isLong) length = reader.Number(8);
            if (length > reader.Length - Math.Min(reader.At, reader.Length))
            {
                findings.Add(Reasons.LineTableCorrupt, $"the unit at +0x{start:x} is longer than the section");
                return;
            }
            if (!ReadUnit(reader.Part(length), isLong ? 8 : 4)) findings.Add(Reasons.LineTableCorrupt, $"the unit at +0x{start:x}");
            reader.Skip(length);
        }
    }

    private bool ReadUnit(DebugReader reader, int offsetSize)
    {
        var version = (int)reader.Number(2);
        if (version is < 2 or > 5) return false;
        var addressSize = version >= 5 ? reader.Byte() : 8;
        // Selectors of segments: there are none on x86-64.
        if (version >= 5 && (reader.Byte() != 0 || addressSize != 8)) return false;
        var headerLength = reader.Number(offsetSize);
        var programAt = reader.At + headerLength;
        if (headerLength > reader.Length || programAt > reader.Length) return false;
        var shape = new LineProgram.Shape(MinimumLength: reader.Byte(), MostOperations: version >= 4 ? reader.Byte() : 1, IsStatement: reader.Byte() != 0, LineBase: (sbyte)reader.Byte(),
            LineRange: reader.Byte(), OpcodeBase: reader.Byte(), OperandCounts: []);
        if (shape.LineRange == 0 || shape.OpcodeBase == 0 || shape.MostOperations != 1) return false;
        shape = shape with { OperandCounts = [.. Enumerable.Range(0, shape.OpcodeBase - 1).Select(_ => reader.Byte())] };
        var header = new LineHeader(reader, strings, offsetSize, version);
        if (!header.Read() || reader.IsShort) return false;
        reader.At = programAt;
        return LineProgram.Run(reader, shape, MostRows - Rows.Count, (start, end, file, line) =>
        {
            if (line > 0 && header.NameOf(file) is { } name) Rows.Add(new LineRow(start, end, FileOf(name), line));
        });
    }

    private int FileOf(string name)
    {
        if (files.TryGetValue(name, out var number)) return number;
        Files.Add(name);
        return files[name] = Files.Count - 1;
    }
}
