using Spectre.Console;

namespace KernOpt.Cli.Output;

/// <summary>
/// Rows under headings. A table where the console is wide enough for every column but the last, which wraps; else each row by itself, a line per column.
/// Nothing is ever cut: a table that is too wide for its console would be a lone "…".
/// </summary>
internal sealed class Sheet(params string[] headings)
{
    /// <summary>The border and the padding of a column.</summary>
    private const int AroundColumn = 3;

    /// <summary>A last column that is narrower than this is not read any more.</summary>
    private const int NarrowestLast = 24;

    private readonly List<string[]> rows = [];

    public void Add(params string[] cells) => rows.Add(cells);

    public void WriteTo(IAnsiConsole console)
    {
        if (WidthNeeded() <= console.Profile.Width) console.Write(AsTable());
        else foreach (var row in rows) console.Write(AsRecord(row));
    }

    private int WidthNeeded()
    {
        var widths = headings.Select((heading, column) => rows.Select(r => r[column].Length).Append(heading.Length).Max()).ToList();
        return 1 + widths.Sum() + widths.Count * AroundColumn - Math.Max(0, widths[^1] - NarrowestLast);
    }

    private Table AsTable()
    {
        var table = new Table().Border(TableBorder.Simple);
        foreach (var heading in headings) table.AddColumn(new TableColumn(new Text(heading)).NoWrap());
        table.Columns[^1].NoWrap = false;
        foreach (var row in rows) table.AddRow(row.Select(cell => new Text(cell)));
        return table;
    }

    /// <summary>What is empty in this row is left out.</summary>
    private Padder AsRecord(string[] row)
    {
        var grid = new Grid().AddColumn(new GridColumn().NoWrap()).AddColumn();
        foreach (var (heading, cell) in headings.Zip(row).Where(p => p.Second.Length > 0)) grid.AddRow(new Text(heading), new Text(cell));
        return new Padder(grid, new Padding(0, 0, 0, 1));
    }
}
