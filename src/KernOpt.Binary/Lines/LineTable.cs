using System.Collections.Immutable;
using KernOpt.Target;

namespace KernOpt.Binary.Lines;

/// <summary>Addresses from Start up to End come from this line, 1 and up, of a file, by its number in <see cref="LineTable.Files"/>.</summary>
public readonly record struct LineRow(FileAddress Start, FileAddress End, int File, int Line);

/// <summary>
/// Which source line each address comes from: section .debug_line, DWARF 2 to 5 (DWARF 5, 6.2). Files have the names that the compiler was given, under the folder that it ran in where the table
/// says which (from DWARF 5 on); paths are not looked up. Nothing here throws on, or costs more than linear time and memory for, hostile bytes.
/// </summary>
public sealed class LineTable
{
    private readonly ImmutableArray<LineRow> rows;

    private LineTable(ImmutableArray<LineRow> rows, ImmutableArray<string> files, ImmutableArray<Finding> findings)
    {
        this.rows = rows;
        Files = files;
        Findings = findings;
    }

    public static LineTable None { get; } = new([], [], []);

    /// <summary>Each name once.</summary>
    public ImmutableArray<string> Files { get; }

    public ImmutableArray<Finding> Findings { get; }

    /// <summary>Ascending by address.</summary>
    public ImmutableArray<LineRow> Rows => rows;

    /// <summary>Empty for a file without line information.</summary>
    public static LineTable Read(ElfImage image)
    {
        var findings = new Findings();
        var units = new LineUnits(new LineStrings(DebugSections.Read(image, ".debug_str"), DebugSections.Read(image, ".debug_line_str")), findings);
        units.ReadAll(DebugSections.Read(image, ".debug_line"));
        // What the linker threw away lies at address 0, or where nothing is executed.
        var rows = units.Rows.Where(r => image.IsExecutable(r.Start) || !image.Segments.Any(s => s.Kind == SegmentKind.Load)).OrderBy(r => r.Start).ThenBy(r => r.End).ToImmutableArray();
        return new LineTable(rows, [.. units.Files], findings.Close());
    }

    /// <summary>The line of an address; of several compilers' words (inlined templates, folded functions) that of the row that begins last.</summary>
    public LineRow? At(FileAddress address)
    {
        int low = 0, high = rows.Length;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (rows[middle].Start <= address) low = middle + 1;
            else high = middle;
        }
        return low > 0 && address < rows[low - 1].End ? rows[low - 1] : null;
    }
}
