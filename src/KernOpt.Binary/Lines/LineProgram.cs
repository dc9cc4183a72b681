using System.Collections.Immutable;

namespace KernOpt.Binary.Lines;

/// <summary>The machine that makes rows out of a unit's program (DWARF 5, 6.2.5): each row holds up to the next one of its sequence.</summary>
internal static class LineProgram
{
    public readonly record struct Shape(byte MinimumLength, int MostOperations, bool IsStatement, sbyte LineBase, byte LineRange, byte OpcodeBase, ImmutableArray<byte> OperandCounts);

    /// <summary>False when it ends in the middle of an instruction, or makes more rows than it may.</summary>
    public static bool Run(DebugReader reader, Shape shape, int mostRows, Action<FileAddress, FileAddress, ulong, int> row)
    {
        var state = new State();
        var rows = 0;
        while (!reader.IsAtEnd)
        {
            var opcode = reader.Byte();
            if (opcode >= shape.OpcodeBase)
            {
                var step = opcode - shape.OpcodeBase;
                state.Address += (ulong)(step / shape.LineRange * shape.MinimumLength);
                state.Line += shape.LineBase + step % shape.LineRange;
                state.Emit(row);
            }
            else if (!Standard(opcode, reader, shape, ref state, row)) return false;
            if (reader.IsShort || ++rows > mostRows) return false;
        }
        return true;
    }

    private static bool Standard(byte opcode, DebugReader reader, Shape shape, ref State state, Action<FileAddress, FileAddress, ulong, int> row)
    {
        switch (opcode)
        {
            case 0: Extended(reader, ref state, row); return true;
            case 1: state.Emit(row); return true;                                                                     // copy
            case 2: state.Address += reader.Unsigned() * shape.MinimumLength; return true;                            // advance_pc
            case 3: state.Line += reader.Signed(); return true;                                                       // advance_line
            case 4: state.File = reader.Unsigned(); return true;                                                      // set_file
            case 8: state.Address += (ulong)((255 - shape.OpcodeBase) / shape.LineRange * shape.MinimumLength); return true; // const_add_pc
            case 9: state.Address += reader.Number(2); return true;                                                   // fixed_advance_pc
        }
        // Columns, views, prologue marks, and what is not known: their operands are skipped.
        if (opcode - 1 >= shape.OperandCounts.Length) return false;
        for (var i = 0; i < shape.OperandCounts[opcode - 1]; i++) reader.Unsigned();
        return true;
    }

    private static void Extended(DebugReader reader, ref State state, Action<FileAddress, FileAddress, ulong, int> row)
    {
        var length = reader.Unsigned();
        var end = reader.At + Math.Min(length, reader.Length);
        switch (length == 0 ? 0 : reader.Byte())
        {
            case 1:                                                                                                   // end_sequence
                state.Close(row);
                state = new State();
                break;
            case 2 when length == 9:                                                                                  // set_address
                state.Address = reader.Number(8);
                break;
        }
        reader.At = end;
    }

    private struct State()
    {
        private (ulong Address, ulong File, long Line)? open;

        public ulong Address { get; set; }
        public ulong File { get; set; } = 1;
        public long Line { get; set; } = 1;

        public void Emit(Action<FileAddress, FileAddress, ulong, int> row)
        {
            Close(row);
            open = (Address, File, Line);
        }

        /// <summary>Ends the row that is open where the machine is now. A row of no bytes says nothing.</summary>
        public void Close(Action<FileAddress, FileAddress, ulong, int> row)
        {
            if (open is { } last && Address > last.Address && last.Line is >= 0 and <= int.MaxValue) row(new FileAddress(last.Address), new FileAddress(Address), last.File, (int)last.Line);
            open = null;
        }
    }
}
